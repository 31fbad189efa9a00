/**
 * Claude Code's own commands for its .claude.json. A running session rewrites that file under a lock of its own, so
 * these are taken wherever they do no harm: they write the whole file anew, in one layout, without comments.
 */
import { execFile } from 'node:child_process';
import { isDeepStrictEqual, promisify } from 'node:util';
import type { Env } from '../../shared/config.ts';
import type { OwnWay } from './apply.ts';
import { claudePaths } from './claude-files.ts';
import { type Place, SERVER_NAME } from './file-edit.ts';
import type { FoundClient } from './find-clients.ts';
import { readJson, valueAt } from './json-text.ts';
import { type Records, undo } from './record.ts';
import { isLink, readTextFile } from './text-file.ts';

const TIMEOUT_MS = 30_000;
const ENTRY = ['mcpServers', SERVER_NAME] as const;

/** @returns false for every other file, and wherever editing the file is the better way */
export function claudeCommand(claude: FoundClient | undefined, place: Place, records: Records): OwnWay {
  return async ({ file, after }) => {
    const { path, text } = file;
    if (!claude || path !== claudePaths(place).state || text === undefined || after === undefined) return false;
    if (!isAsClaudeWrites(text) || (await isLink(path))) return false;
    const before = valueAt(readJson(text, path), ENTRY);
    const wanted = valueAt(readJson(after, path), ENTRY);
    const record = records.get(path);
    const args = argsFor(before, wanted);
    // the very bytes of before are better than what the command would leave
    if (!args || (wanted === undefined && record && undo(text, record) !== undefined)) return false;
    if (!(await ran(claude.path, args, place.env))) return false;
    const now = valueAt(readJson((await readTextFile(path, 'utf8')).text ?? '', path), ENTRY);
    return isDeepStrictEqual(now, wanted);
  };
}

function argsFor(before: unknown, wanted: unknown): string[] | undefined {
  if (before === undefined && wanted !== undefined) {
    return ['mcp', 'add-json', '--scope', 'user', SERVER_NAME, JSON.stringify(wanted)];
  }
  if (before !== undefined && wanted === undefined) return ['mcp', 'remove', '--scope', 'user', SERVER_NAME];
  return undefined; // it has no command that changes an entry
}

function isAsClaudeWrites(text: string): boolean {
  try {
    return JSON.stringify(JSON.parse(text), null, 2) === text;
  } catch {
    return false;
  }
}

async function ran(program: string, args: readonly string[], env: Env): Promise<boolean> {
  const quiet = { ...env, DISABLE_AUTOUPDATER: '1', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' };
  try {
    await promisify(execFile)(program, args, { env: quiet, timeout: TIMEOUT_MS });
    return true;
  } catch {
    return false; // an older or newer Claude Code that has no such command: the file is edited instead
  }
}
