/** SQLite's drivers beside each other: the suite of node:sqlite under each Node, and one database under all of them. */
import { mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { betterSqlite3 } from '../../broker/store/drivers/better-sqlite3.ts';
import { openSqlite } from '../../broker/store/sqlite.ts';
import { exitCode, startReport } from '../helpers/broker-process.ts';
import { Peer } from '../helpers/peer.ts';
import { DIST, ROOT, RUNTIMES, Sandbox } from '../helpers/sandbox.ts';
import { rowsOf } from '../helpers/sqlite-file.ts';
import { run } from './programs.ts';

const nodes = inject('nodes');

describe.each([nodes['22.13'], nodes['22'], nodes['24']])('under Node $version', ({ folder }) => {
  it('node:sqlite keeps the promises of the store, with a hurt database and a full disk too', async () => {
    const bin = join(folder, 'bin');
    const { HOME = '', PATH = '' } = process.env;
    const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
    const config = join(ROOT, 'tests', 'node-sqlite', 'vitest.config.ts');
    const report = ['--reporter=json', '--config', config];
    const env = { HOME, PATH: `${bin}${delimiter}${PATH}`, LANG: 'C.UTF-8' };
    const printed = await run(join(bin, 'node'), [vitest, 'run', ...report], ROOT, env);
    const { success, numPassedTests, numTotalTests } = JSON.parse(printed) as {
      readonly success: boolean;
      readonly numPassedTests: number;
      readonly numTotalTests: number;
    };
    expect({ success, numPassedTests }).toEqual({ success: true, numPassedTests: numTotalTests });
    expect(numTotalTests).toBeGreaterThan(100);
  });
});

it('a database goes from driver to driver and back, each time left behind by a broker that was killed', async () => {
  const own = await betterSqlite3();
  const box = await Sandbox.create();
  try {
    const { db, home } = box.location;
    mkdirSync(dirname(db), { recursive: true });
    const made = await openSqlite(db, { now: Date.now(), backups: join(home, 'backups'), driver: own });
    await made.close();

    const sent: string[] = [];
    const runtimes = [
      { command: join(nodes['24'].folder, 'bin', 'node'), entry: join(DIST, 'broker.js'), driver: 'node:sqlite' },
      { command: RUNTIMES.bun.command, entry: RUNTIMES.bun.entry('broker'), driver: 'bun:sqlite' },
      { command: join(nodes['22.13'].folder, 'bin', 'node'), entry: join(DIST, 'broker.js'), driver: 'node:sqlite' },
    ];
    for (const { command, entry, driver } of runtimes) {
      const broker = box.run(command, [entry]);
      await startReport(broker);
      expect((await box.client.call('brokerStatus', {})).database.driver).toBe(driver);
      const ann = await Peer.register(box.client, 'ann', { credential: 'ann' });
      await Peer.register(box.client, 'bob', { credential: 'bob' });
      sent.push((await ann.send('bob', `written with ${driver}`)).message_id);
      broker.kill('SIGKILL');
      await exitCode(broker);

      const opened = own.open(db, { readonly: false });
      expect(rowsOf(opened, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      const found = rowsOf<{ id: string }>(opened, 'select id from messages').map(({ id }) => id);
      expect(new Set(found)).toEqual(new Set(sent));
      opened.exec("update peers set summary = 'written with better-sqlite3'");
      opened.close();
    }
  } finally {
    await box.close();
  }
});
