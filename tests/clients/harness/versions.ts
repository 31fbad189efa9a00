/** The clients these tests are pinned to. Raise a version here, run the tests, and correct what changed. */
export const CLIENT_PACKAGES = {
  '@anthropic-ai/claude-code': '2.1.329',
  '@openai/codex': '0.169.0',
} as const;
