/** What a tool is. The server turns a list of these into MCP; each file beside this one is one toolset. */
import type * as z from 'zod';
import type { InboxMessage, OperationName, Peer, Request, Response } from '../../shared/contract/types.ts';
import type { Inbox, TakeOptions } from '../inbox.ts';
import type { Filter } from '../selection.ts';

export interface ToolContext {
  /** Calls the broker as this session; waits out a broker that is just being replaced. */
  call<N extends OperationName>(name: N, body: Request<N>): Promise<Response<N>>;
  readonly inbox: Inbox;
  /** Resolves with true as soon as such a message is there, with false after the time or when the call is cancelled. */
  waitForMessage(filter: Filter, ms: number): Promise<boolean>;
  /** Longest wait that the client lets a tool take. */
  readonly maxWaitS: number;
  readonly self: { readonly toolsets: readonly string[]; readonly pushRoute: string };
  /** The peer is different now: its name, its status. */
  changed(peer: Peer): void;
}

export interface ToolResult {
  /** Terse: one line a fact. */
  readonly text: string;
  /** The same for programs. */
  readonly data: Record<string, unknown>;
  /** Messages that the text shows: taking the response confirms them. */
  readonly shows?: readonly InboxMessage[];
  /** How the messages below the text are chosen. */
  readonly take?: Pick<TakeOptions, 'awaited' | 'notices'>;
}

export interface Tool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  /** It changes nothing, for anybody. */
  readonly readOnly: boolean;
  /** Claude Code always shows it to the model instead of finding it by search. */
  readonly alwaysLoad: boolean;
  run(input: z.output<Input>, context: ToolContext): Promise<ToolResult>;
}

/** Keeps the input's type while the tools stand in one list. */
export function tool<Input extends z.ZodObject>(definition: Tool<Input>): Tool {
  return definition as unknown as Tool;
}
