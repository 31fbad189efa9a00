/** The OpenAI Responses API, as far as Codex uses it. */
import { z } from 'zod';
import type { Conversation, Entry, OfferedTool, Reply } from './conversation.ts';
import type { Dialect, ServerSentEvent } from './scripted-model.ts';

const part = z.object({ text: z.string().optional(), type: z.string() });
const content = z.union([z.string(), z.array(part)]);
const item = z.object({
  type: z.string(),
  role: z.string().optional(),
  content: content.optional(),
  output: content.optional(),
  name: z.string().optional(),
  arguments: z.string().optional(),
});
const plainTool = z.object({ type: z.string(), name: z.string().optional() });
const tool = plainTool.extend({ tools: z.array(plainTool).optional() });
const body = z.object({ input: z.array(item), tools: z.array(tool).optional() });

type Item = z.infer<typeof item>;

function textOf(parts: z.infer<typeof content>): string {
  return typeof parts === 'string' ? parts : parts.map((one) => one.text ?? `[${one.type}]`).join('\n');
}

/** Hook context comes as the role `developer`, and so do the client's own instructions. */
function entryOf(one: Item): Entry {
  if (one.type.endsWith('_call')) return { role: 'call', text: `${one.name ?? one.type} ${one.arguments ?? ''}` };
  if (one.output !== undefined) return { role: 'tool', text: textOf(one.output) };
  const said = one.content === undefined ? `[${one.type}]` : textOf(one.content);
  if (one.role === 'user' || one.role === 'assistant') return { role: one.role, text: said };
  return { role: 'context', text: said };
}

function toolsOf(one: z.infer<typeof tool>): OfferedTool[] {
  const namespace = one.name ?? one.type;
  if (one.tools === undefined) return [{ name: namespace }];
  return one.tools.map((inner) => ({ name: inner.name ?? inner.type, namespace }));
}

function read(raw: unknown): Conversation {
  const request = body.parse(raw);
  return { entries: request.input.map(entryOf), tools: (request.tools ?? []).flatMap(toolsOf) };
}

function write(reply: Reply, serial: number): ServerSentEvent[] {
  const id = `${serial}_${Date.now().toString(36)}`;
  const response = { id: `resp_${id}`, object: 'response' };
  const output =
    reply.kind === 'call'
      ? {
          type: 'function_call',
          id: `fc_${id}`,
          call_id: `call_${id}`,
          name: reply.tool.name,
          ...(reply.tool.namespace === undefined ? {} : { namespace: reply.tool.namespace }),
          arguments: JSON.stringify(reply.input),
          status: 'completed',
        }
      : {
          type: 'message',
          id: `msg_${id}`,
          role: 'assistant',
          content: [{ type: 'output_text', text: reply.text, annotations: [] }],
          status: 'completed',
        };
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 10,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 110,
  };
  return [
    { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: output },
    { type: 'response.output_item.done', output_index: 0, item: output },
    { type: 'response.completed', response: { ...response, status: 'completed', output: [output], usage } },
  ];
}

export const openai: Dialect = {
  vendor: 'OpenAI',
  turnPath: '/v1/responses',
  read,
  write,
  aside: (path) => (path === '/v1/models' ? { object: 'list', data: [], models: [] } : undefined),
};
