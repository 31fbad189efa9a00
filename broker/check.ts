/** `broker --check <path>`: reads through a SQLite file without changing it, also while a broker has it open. */
import type { DatabaseReport } from '../shared/database-report.ts';
import { PeersError } from '../shared/errors.ts';
import { chooseDriver } from './store/drivers/choose.ts';

/** Prints one {@link DatabaseReport} line on standard output. @returns the exit code: it says whether there is a report */
export async function runCheck(path: string): Promise<number> {
  process.stdout.write(`${JSON.stringify(await check(path).catch(failed))}\n`);
  return 0;
}

async function check(path: string): Promise<DatabaseReport> {
  const driver = await chooseDriver();
  const connection = driver.open(path, { readonly: true });
  try {
    const rows = connection.prepare('pragma quick_check(5)').all([]) as { quick_check: string }[];
    const found = rows.map(({ quick_check }) => quick_check);
    return { driver: driver.name, problems: found.filter((line) => line !== 'ok') };
  } finally {
    connection.close();
  }
}

function failed(thrown: unknown): DatabaseReport {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { error: { message, ...(thrown instanceof PeersError ? { hint: thrown.hint } : {}) } };
}
