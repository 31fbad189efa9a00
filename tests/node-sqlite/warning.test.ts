/** Node 22 says of node:sqlite that it is experimental. Nobody who runs a broker or a command can act on that. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exitCode, startReport } from '../helpers/broker-process.ts';
import { Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create();
});
afterEach(() => box.close());

it('a broker that is run by hand prints its report and nothing else', async () => {
  const broker = box.spawn('broker');
  let stderr = '';
  broker.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  expect(await startReport(broker)).toEqual({ ready: true, pid: broker.pid });
  expect((await box.client.call('brokerStatus', {})).database.driver).toBe('node:sqlite');
  broker.kill('SIGTERM');
  expect({ code: await exitCode(broker), stderr }).toEqual({ code: 0, stderr: '' });
});
