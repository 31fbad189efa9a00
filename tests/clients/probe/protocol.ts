/** What the probe MCP server and the test say to each other: one JSON object a line over TCP. */

export type ProbeRecord =
  | {
      readonly kind: 'start';
      readonly pid: number;
      readonly ppid: number;
      readonly cwd: string;
      readonly env: Readonly<Record<string, string | undefined>>;
    }
  /** The client asked for the tools. */
  | { readonly kind: 'ready'; readonly client: string }
  | {
      readonly kind: 'call';
      readonly tool: string;
      readonly input: Readonly<Record<string, unknown>>;
      readonly meta: Readonly<Record<string, unknown>>;
    };

/** Orders from the test. `inbox`: post this text to the Claude Code session that started the probe. */
export type ProbeOrder = { readonly kind: 'inbox'; readonly text: string };

/** The variable that tells the probe where its test listens. */
export const DESK_PORT = 'PROBE_DESK_PORT';
