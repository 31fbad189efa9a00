/** A broker that ends between storing a message and saying so: the sender tries again, and there is one message. */
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operations, type Request } from '../../shared/contract/index.ts';
import { brokerProof, readSecret } from '../../shared/secret.ts';
import { VERSION } from '../../shared/version.ts';
import { CliSandbox } from './helpers.ts';

let sandbox: CliSandbox;
beforeAll(async () => {
  sandbox = await CliSandbox.make();
  await sandbox.startBroker();
});
afterAll(() => sandbox.close());

/** Takes the place of the broker; stores the first message that it is sent, and drops the connection instead of answering. */
async function endsBeforeItAnswers(): Promise<void> {
  const secret = readSecret(sandbox.client.location.home);
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    if (request.url === operations.hello.path) {
      const proof = brokerProof(secret, JSON.parse(body).nonce, sandbox.port);
      const hello = JSON.stringify({ service: 'agent-peers', version: VERSION, proof, pid: 1, draining: false });
      response.writeHead(200, { 'content-length': Buffer.byteLength(hello) }).end(hello);
      return;
    }
    server.close();
    await sandbox.startBroker();
    await sandbox.client.call('sendMessage', JSON.parse(body) as Request<'sendMessage'>);
    response.destroy();
  });
  await new Promise<void>((done) => server.listen(sandbox.port, '127.0.0.1', done));
}

it('is told once what it was sent twice', async () => {
  const falcon = await sandbox.join('brave-falcon');
  await falcon.leave();
  await sandbox.endBroker();
  await endsBeforeItAnswers();

  const { code, stdout, stderr } = await sandbox.run(['send', falcon.id, 'pay the invoice']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('brave-falcon');
  const { peers } = await sandbox.client.call('listPeers', { include_offline: true });
  expect(peers).toMatchObject([{ name: 'brave-falcon', unread: 1 }]);
});
