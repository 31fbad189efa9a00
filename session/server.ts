/** The MCP server of a session: tools/list and tools/call, and the inbox block under every tool result. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { InboxMessage } from '../shared/contract/types.ts';
import { PeersError, toPeersError } from '../shared/errors.ts';
import { forModelData } from '../shared/peer-text.ts';
import { byteLength, cleanLine } from '../shared/text.ts';
import type { Evidence } from './evidence.ts';
import { type Offer, SERVER_INFO, serverOptions } from './handshake.ts';
import { answerHook, HOOK_TOOL, type HookEvent, hookEvent, NO_ANSWER } from './hooks.ts';
import { type Inbox, NOTHING } from './inbox.ts';
import { renderBatch } from './present.ts';
import type { Tool, ToolContext, ToolResult } from './tools/tool.ts';

export interface ServerOptions {
  readonly offer: Offer;
  readonly tools: readonly Tool[];
  readonly inbox: Inbox;
  readonly evidence: Evidence;
  /** The context of one call. */
  context(signal: AbortSignal): ToolContext;
  /** Called before every tool, with what the client says about its own state; calls the broker in the tool's context. */
  beforeCall(meta: Record<string, unknown>, context: ToolContext): Promise<void>;
  /** Called for every hook of the client. */
  onHook(event: HookEvent | undefined, meta: Record<string, unknown>, goesOn: boolean): void;
  /** Clients that show the model `structuredContent` instead of the text get the text alone. */
  textOnly(): boolean;
}

/** `a: problem; b: problem` */
function inputError(error: z.ZodError): PeersError {
  const what = error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`).join('; ');
  return new PeersError('invalid_request', what, 'Call the tool again with the input it describes.');
}

function describeTool({ name, title, description, input, readOnly, alwaysLoad }: Tool) {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input' });
  return {
    name,
    title,
    description,
    inputSchema: schema as { type: 'object' },
    // Codex asks for approval, and `codex exec` refuses, where these are missing
    annotations: { readOnlyHint: readOnly, destructiveHint: false, openWorldHint: false },
    ...(alwaysLoad ? { _meta: { 'anthropic/alwaysLoad': true } } : {}),
  };
}

function idsOf(messages: readonly InboxMessage[]): string[] {
  return messages.map(({ message_id }) => message_id);
}

async function run(tool: Tool, input: unknown, context: ToolContext): Promise<ToolResult & { failed: boolean }> {
  try {
    const parsed = tool.input.safeParse(input ?? {});
    if (!parsed.success) throw inputError(parsed.error);
    return { ...(await tool.run(parsed.data, context)), failed: false };
  } catch (thrown) {
    const error = toPeersError(thrown);
    return {
      text: `Error ${error.code}: ${cleanLine(error.message)}\n${cleanLine(error.hint)}`,
      data: { error: error.toBody() },
      failed: true,
    };
  }
}

export async function createServer(transport: Transport, options: ServerOptions): Promise<Server> {
  const { offer, inbox, evidence } = options;
  const server = new Server(SERVER_INFO, serverOptions(offer));
  if (offer.enabled) {
    const tools = new Map(options.tools.map((tool) => [tool.name, tool]));
    const listed = options.tools.map(describeTool);
    server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: listed }));
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, { requestId, signal, _meta }) => {
      if (params.name === HOOK_TOOL) {
        // a cancelled call's answer is never sent: nothing may be shown in it
        const { json, batch } = signal.aborted ? NO_ANSWER : answerHook(params.arguments, inbox);
        const event = hookEvent(params.arguments);
        // a Stop that is answered with messages does not end the turn
        options.onHook(event, _meta ?? {}, event === 'Stop' && batch.messages.length > 0);
        evidence.carries(requestId, idsOf(batch.messages), 'hook');
        return { content: [{ type: 'text', text: JSON.stringify(json) }] };
      }
      const tool = tools.get(params.name);
      if (!tool) throw new McpError(ErrorCode.InvalidParams, `There is no tool ${JSON.stringify(params.name)}`);
      const context = options.context(signal);
      await options.beforeCall(_meta ?? {}, context);
      const { text, data, shows, take, failed } = await run(tool, params.arguments, context);
      // a cancelled call's response is never sent: nothing may be shown in it
      const batch = signal.aborted ? NOTHING : inbox.take({ ...take, used: shows ? byteLength(text) : 0 });
      const shown = [...batch.messages, ...batch.notices, ...(shows ?? [])];
      evidence.carries(requestId, idsOf(shown), 'tool-response');
      const block = renderBatch(batch);
      return {
        content: [{ type: 'text', text: block === '' ? text : `${text}\n\n${block}` }],
        ...(options.textOnly()
          ? {}
          : { structuredContent: { ...forModelData(data), ...(block === '' ? {} : { peer_inbox: block }) } }),
        ...(failed ? { isError: true } : {}),
      };
    });
  }
  await server.connect(transport);
  return server;
}
