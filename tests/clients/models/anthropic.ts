/** The Anthropic Messages API, as far as Claude Code uses it. */
import { z } from 'zod';
import type { Conversation, Entry, Reply } from './conversation.ts';
import type { Dialect, ServerSentEvent } from './scripted-model.ts';

const text = z.object({ type: z.literal('text'), text: z.string() });
const other = z.object({ type: z.string() });
const toolResult = z.object({
  type: z.literal('tool_result'),
  content: z.union([z.string(), z.array(z.union([text, other]))]).optional(),
});
const toolUse = z.object({ type: z.literal('tool_use'), name: z.string(), input: z.unknown() });
const message = z.object({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([z.string(), z.array(z.union([text, toolResult, toolUse, other]))]),
});
const body = z.object({
  messages: z.array(message),
  tools: z.array(z.object({ name: z.string() })).optional(),
});

type Message = z.infer<typeof message>;

/** Claude Code puts hook context and reminders into messages of the role `system` between the others. */
function entriesOf({ role, content }: Message): Entry[] {
  const said = role === 'system' ? 'context' : role;
  if (typeof content === 'string') return [{ role: said, text: content }];
  return content.map((block): Entry => {
    if ('text' in block) return { role: said, text: block.text };
    if ('input' in block) return { role: 'call', text: `${block.name} ${JSON.stringify(block.input)}` };
    if ('content' in block && block.content !== undefined) {
      const parts =
        typeof block.content === 'string'
          ? [block.content]
          : block.content.map((part) => ('text' in part ? part.text : `[${part.type}]`));
      return { role: 'tool', text: parts.join('\n') };
    }
    return { role: said, text: `[${block.type}]` };
  });
}

function read(raw: unknown): Conversation {
  const request = body.parse(raw);
  return { entries: request.messages.flatMap(entriesOf), tools: request.tools ?? [] };
}

function write(reply: Reply, serial: number): ServerSentEvent[] {
  const id = `${serial}_${Date.now().toString(36)}`;
  const [start, delta] =
    reply.kind === 'call'
      ? [
          { type: 'tool_use', id: `toolu_${id}`, name: reply.tool.name, input: {} },
          { type: 'input_json_delta', partial_json: JSON.stringify(reply.input) },
        ]
      : [
          { type: 'text', text: '' },
          { type: 'text_delta', text: reply.text },
        ];
  const stopReason = reply.kind === 'call' ? 'tool_use' : 'end_turn';
  return [
    {
      type: 'message_start',
      message: {
        id: `msg_${id}`,
        type: 'message',
        role: 'assistant',
        model: 'scripted',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 100, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: start },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: stopReason, stop_sequence: null }, usage: { output_tokens: 20 } },
    { type: 'message_stop' },
  ];
}

export const anthropic: Dialect = {
  vendor: 'Anthropic',
  turnPath: '/v1/messages',
  read,
  write,
  aside: (path) => (path === '/v1/messages/count_tokens' ? { input_tokens: 1000 } : undefined),
};
