/**
 * The automatic summary at start: from git alone, or worded by a model where a key for one is set. Never more than
 * branch, directory name and file names leave the machine, and nothing waits for it.
 */
import { basename } from 'node:path';
import type { Env } from '../shared/config.ts';
import { SUMMARY_MAX_CHARS } from '../shared/limits.ts';
import { cleanLine } from '../shared/text.ts';
import { readRepository } from './context.ts';
import { workFiles } from './git.ts';
import type { SessionLog } from './log.ts';

const FILES_MAX = 12;
const FILES_NAMED = 3;
const MODEL_TIMEOUT_MS = 15_000;

interface WorkFacts {
  readonly directory: string;
  readonly branch: string;
  /** Changed files, or those of the last commit where nothing is changed; relative to the repository. */
  readonly files: readonly string[];
  readonly changed: boolean;
}

async function readWork(cwd: string, env: Env): Promise<WorkFacts> {
  const directory = basename(cwd);
  const found = await readRepository(cwd, env);
  if (!found) return { directory, branch: '', files: [], changed: false };
  const { files, changed } = await workFiles(found.repository, env);
  return { directory, branch: found.branch, files: files.slice(0, FILES_MAX), changed };
}

/** `web on feat/login: changing src/a.ts, src/b.ts and 4 more` */
function localSummary({ directory, branch, files, changed }: WorkFacts): string {
  const where = branch === '' ? directory : `${directory} on ${branch}`;
  if (files.length === 0) return where;
  const named = files.slice(0, FILES_NAMED).join(', ');
  const more = files.length > FILES_NAMED ? ` and ${files.length - FILES_NAMED} more` : '';
  return cleanLine(`${where}: ${changed ? 'changing' : 'last commit touched'} ${named}${more}`).slice(
    0,
    SUMMARY_MAX_CHARS,
  );
}

interface SummaryModel {
  readonly apiKey: string;
  readonly model: string;
  readonly baseURL: string | undefined;
}

const GEMINI_BASE_URL = 'https://generativelanguage.googleapis.com/v1beta/openai/';

/** Which model words the summary; undefined without a key. */
function summaryModel(env: Env): SummaryModel | undefined {
  const model = env['AGENT_PEERS_SUMMARY_MODEL'];
  const baseURL = env['AGENT_PEERS_SUMMARY_BASE_URL'];
  const openai = env['OPENAI_API_KEY'];
  if (openai) return { apiKey: openai, model: model || 'gpt-5.4-nano', baseURL };
  const gemini = env['GEMINI_API_KEY'];
  if (gemini) return { apiKey: gemini, model: model || 'gemini-2.5-flash-lite', baseURL: baseURL || GEMINI_BASE_URL };
  return undefined;
}

async function modelSummary(
  work: WorkFacts,
  { apiKey, model, baseURL }: SummaryModel,
  signal: AbortSignal,
): Promise<string> {
  const { default: OpenAI } = await import('openai');
  // an unset base URL must not fall back to the environment's: the caller decided
  const client = new OpenAI({
    apiKey,
    baseURL: baseURL ?? 'https://api.openai.com/v1',
    maxRetries: 1,
    timeout: MODEL_TIMEOUT_MS,
  });
  const answer = await client.chat.completions.create(
    {
      model,
      messages: [
        {
          role: 'system',
          content:
            'From a git branch, a directory name and file names, say in one plain sentence of at most 20 words what a developer is probably working on. No preamble.',
        },
        {
          role: 'user',
          content: JSON.stringify({ directory: work.directory, branch: work.branch, files: work.files }),
        },
      ],
    },
    { signal },
  );
  return cleanLine(answer.choices[0]?.message.content ?? '').slice(0, SUMMARY_MAX_CHARS);
}

/** Finds a summary and hands it over, first the local one, then the model's if there is one. */
export async function summarise(
  cwd: string,
  env: Env,
  set: (summary: string) => Promise<void>,
  log: SessionLog,
  signal: AbortSignal,
): Promise<void> {
  const work = await readWork(cwd, env);
  await set(localSummary(work));
  const model = summaryModel(env);
  if (!model) return;
  try {
    const worded = await modelSummary(work, model, signal);
    if (worded !== '') await set(worded);
  } catch (error) {
    if (!signal.aborted)
      log.warn('the model gave no summary; the local one stays', { model: model.model, reason: (error as Error).name });
  }
}
