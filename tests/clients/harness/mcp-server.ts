/** How a client starts the MCP server under test. */
export interface McpServer {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The name under which clients know the server. */
export const SERVER_NAME = 'agent-peers';
