/** Something else than a file in place of a kept credential: the session that wants it does not wait for its end. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endless, fifo } from '../helpers/odd-files.ts';
import { Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
});
afterAll(() => box.close());

const long = (path: string) => writeFileSync(path, `{"peer_id":"${'x'.repeat(1_000_000)}","credential":"x"}`);

it.each([
  ['fifo', fifo],
  ['endless', endless],
  ['long', long],
])('%s: the name gets a new peer, whose credential is kept in its place', async (name, make) => {
  const folder = join(box.location.home, 'peers');
  const path = join(folder, `${name}.json`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  make(path);
  const session = await box.session({ name });
  expect((await session.tool('whoami')).text).toContain(name);
  await session.end();
  expect(statSync(path).isFile()).toBe(true);
  expect(statSync(path).size).toBeLessThan(1_000);
});
