/** A model request in one form for both vendors, and what the scripted model answers to it. */
import { type Directive, directivesIn } from './directives.ts';

/** One piece of the conversation that the client sent along. `context` is text that neither side said: hooks, reminders. */
export interface Entry {
  readonly role: 'user' | 'context' | 'tool' | 'assistant' | 'call';
  readonly text: string;
}

/** A tool as offered to the model; Codex puts the tools of one MCP server into a namespace. */
export interface OfferedTool {
  readonly name: string;
  readonly namespace?: string;
}

export interface Conversation {
  readonly entries: readonly Entry[];
  readonly tools: readonly OfferedTool[];
}

export type Reply =
  | { readonly kind: 'call'; readonly tool: OfferedTool; readonly input: Record<string, unknown> }
  | { readonly kind: 'text'; readonly text: string };

/** What the model has not answered yet: everything after its last words or call. */
export function news(conversation: Conversation): readonly Entry[] {
  const spoken = conversation.entries.findLastIndex(isModel);
  return conversation.entries.slice(spoken + 1);
}

export function textOf(entries: readonly Entry[]): string {
  return entries.map((entry) => entry.text).join('\n');
}

/** The next directive that was not carried out yet, or the end of the script. */
export function decide(conversation: Conversation): Reply {
  const done = conversation.entries.filter((entry) => entry.role === 'call').length;
  const next = script(conversation.entries)[done];
  // A request without tools is the client's own errand (a title, a summary), not the agent's turn.
  if (next === undefined || conversation.tools.length === 0) return { kind: 'text', text: 'End of script.' };
  const tool = offered(conversation.tools, next.tool);
  if (tool === undefined) return { kind: 'text', text: `No tool "${next.tool}" was offered to the model.` };
  return { kind: 'call', tool, input: next.input };
}

/** All directives that reached the model. Claude repeats a Stop hook's reason as context: a repetition is not a second order. */
function script(entries: readonly Entry[]): Directive[] {
  const all: Directive[] = [];
  let recent = new Set<string>();
  for (const entry of entries) {
    if (isModel(entry)) {
      recent = new Set();
      continue;
    }
    for (const directive of directivesIn(entry.text)) {
      const key = JSON.stringify(directive);
      if (entry.role === 'context' && recent.has(key)) continue;
      recent.add(key);
      all.push(directive);
    }
  }
  return all;
}

function isModel(entry: Entry): boolean {
  return entry.role === 'assistant' || entry.role === 'call';
}

/** Claude Code names MCP tools `mcp__server__tool`, Codex `tool` in the namespace `mcp__server`; scripts say `tool`. */
function offered(tools: readonly OfferedTool[], name: string): OfferedTool | undefined {
  return tools.find((tool) => tool.name === name) ?? tools.find((tool) => tool.name.endsWith(`__${name}`));
}
