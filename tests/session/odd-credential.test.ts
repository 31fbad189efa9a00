/** Something else than a file in place of a kept credential: the session that wants it does not wait for its end. */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { credentialPath } from '../../session/identity.ts';
import { endless, fifo } from '../helpers/odd-files.ts';
import { Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
});
afterAll(() => box.close());

const long = (path: string) => writeFileSync(path, 'x'.repeat(1_000_000));

it.each([
  ['fifo', fifo],
  ['endless', endless],
  ['long', long],
])('%s: a credential takes its place, and the session is a peer as ever', async (name, make) => {
  const path = credentialPath(box.location.home);
  rmSync(path, { force: true });
  make(path);
  const session = await box.session({ name });
  expect((await session.tool('whoami')).text).toContain(name);
  await session.end();
  expect(statSync(path).isFile()).toBe(true);
  expect(statSync(path).size).toBeLessThan(1_000);
});
