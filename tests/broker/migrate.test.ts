/** Several brokers open one database at the same moment: on other ports, since one port has one broker. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCode, startReport } from '../helpers/broker-process.ts';
import { freePort, Sandbox } from '../helpers/sandbox.ts';

const RACES = 2;
const OPENERS = 4;

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
});
afterAll(() => box.close());

it('the database is made once, and each broker that opens it can use it', { timeout: 60_000 }, async () => {
  for (let race = 0; race < RACES; race += 1) {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${box.location.db}${suffix}`, { force: true });
    const ports = await Promise.all(Array.from({ length: OPENERS }, freePort));
    const brokers = ports.map((port) => box.spawn('broker', [], { env: { AGENT_PEERS_PORT: String(port) } }));
    const reports = await Promise.all(brokers.map(startReport));
    expect(reports).toEqual(brokers.map(({ pid }) => ({ ready: true, pid })));
    for (const broker of brokers) broker.kill('SIGTERM');
    expect(await Promise.all(brokers.map(exitCode))).toEqual(brokers.map(() => 0));
  }
});
