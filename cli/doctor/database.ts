/** Has the SQLite file read through by the program that works with it, so that no driver is loaded here. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { brokerEnv } from '../../shared/config.ts';
import type { DatabaseReport } from '../../shared/database-report.ts';
import type { Io } from '../io.ts';

const run = promisify(execFile);

export async function checkDatabase(path: string, { brokerEntry, env, runtime }: Io): Promise<DatabaseReport> {
  try {
    const { stdout } = await run(runtime.path, [brokerEntry, '--check', path], { cwd: '/', env: brokerEnv(env) });
    return JSON.parse(stdout) as DatabaseReport;
  } catch (thrown) {
    return { error: { message: thrown instanceof Error ? thrown.message : String(thrown) } };
  }
}
