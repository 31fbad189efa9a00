/**
 * The script language of the models: `[[CALL tool {"json":"args"}]]` anywhere in a text that reaches the model makes
 * it call that tool. Whatever really reaches the model can so steer it, and a test knows that it arrived.
 */

export interface Directive {
  /** The tool's plain name, without the client's server prefix. */
  readonly tool: string;
  readonly input: Record<string, unknown>;
}

/** Writes a directive; arguments may themselves contain directives, for the model that gets the message. */
export function call(tool: string, input: Record<string, unknown> = {}): string {
  return `[[CALL ${tool} ${JSON.stringify(input)}]]`;
}

const OPENING = /\[\[CALL ([\w.:-]+) (?=\{)/g;

/** The directives in a text, in order. One inside another's arguments belongs to those arguments. */
export function directivesIn(text: string): Directive[] {
  const found: Directive[] = [];
  OPENING.lastIndex = 0;
  for (let match = OPENING.exec(text); match; match = OPENING.exec(text)) {
    const end = endOfObject(text, OPENING.lastIndex);
    if (end === undefined || !text.startsWith(']]', end)) continue;
    const input = parseObject(text.slice(OPENING.lastIndex, end));
    if (input === undefined) continue;
    found.push({ tool: match[1] ?? '', input });
    OPENING.lastIndex = end;
  }
  return found;
}

/** Where the JSON object that begins at `start` ends; braces within its strings do not count. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (quoted) {
      if (char === '\\') at += 1;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{') depth += 1;
    else if (char === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

/** A text that only looks like a directive (cut off, or shown as an example) is no directive. */
function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
