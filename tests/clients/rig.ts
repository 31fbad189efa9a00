/** Builds what a test needs around one client, and takes it apart when the test is over, whatever its outcome. */
import { inject, onTestFinished } from 'vitest';
import { type ClaudeOptions, ClaudeSession } from './harness/claude.ts';
import { type CodexOptions, CodexSession } from './harness/codex.ts';
import { Sandbox } from './harness/sandbox.ts';
import { anthropic } from './models/anthropic.ts';
import { openai } from './models/openai.ts';
import { type Dialect, ScriptedModel } from './models/scripted-model.ts';
import { ProbeDesk } from './probe/desk.ts';

/** What differs from test to test; the rest is made here. */
type Choices<Options> = Omit<Options, 'binary' | 'model' | 'sandbox'>;

export async function claudeRig(
  choices: Choices<ClaudeOptions>,
): Promise<{ claude: ClaudeSession; model: ScriptedModel; sandbox: Sandbox }> {
  const model = await startModel(anthropic);
  const sandbox = await createSandbox();
  const claude = await ClaudeSession.prepare({ ...choices, binary: inject('clients').claude, model, sandbox });
  return { claude, model, sandbox };
}

export async function codexRig(
  choices: Choices<CodexOptions>,
): Promise<{ codex: CodexSession; model: ScriptedModel; sandbox: Sandbox }> {
  const model = await startModel(openai);
  const sandbox = await createSandbox();
  const codex = await CodexSession.prepare({ ...choices, binary: inject('clients').codex, model, sandbox });
  return { codex, model, sandbox };
}

export async function openDesk(): Promise<ProbeDesk> {
  const desk = await ProbeDesk.open();
  onTestFinished(() => desk.close());
  return desk;
}

export async function createSandbox(): Promise<Sandbox> {
  const sandbox = await Sandbox.create();
  onTestFinished(() => sandbox.close());
  return sandbox;
}

async function startModel(dialect: Dialect): Promise<ScriptedModel> {
  const model = await ScriptedModel.start(dialect);
  onTestFinished(() => model.close());
  return model;
}
