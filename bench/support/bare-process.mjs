/**
 * One of the three processes of the bare path, without disk, MCP, checks or storage. The sender posts each line of its
 * standard input to the relay. The relay answers the request that the reader holds with that line. The reader writes it
 * to its standard output and holds the next request. One line is under way at a time, so one chunk is one line.
 *
 *     node bare-process.mjs relay | sender PORT | reader PORT
 */
import { Agent, createServer, request } from 'node:http';

/** Longer than any pause between two lines. */
const KEEP_ALIVE_MS = 10 * 60_000;

const [role, port] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });

/**
 * @param {import('node:http').IncomingMessage} message
 * @param {(body: Buffer) => void} done
 */
function readAll(message, done) {
  const chunks = /** @type {Buffer[]} */ ([]);
  message.on('data', (chunk) => chunks.push(chunk)).on('end', () => done(Buffer.concat(chunks)));
}

/**
 * @param {string} path
 * @param {Buffer} body
 * @param {(answer: Buffer) => void} done
 */
function post(path, body, done) {
  const headers = { 'content-length': body.length };
  const onResponse = (/** @type {import('node:http').IncomingMessage} */ response) => readAll(response, done);
  request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, onResponse)
    .on('error', () => process.exit(1)) // the relay ended
    .end(body);
}

function hold() {
  post('/next', Buffer.alloc(0), (line) => {
    process.stdout.write(line);
    hold();
  });
}

function relay() {
  /** @type {import('node:http').ServerResponse | undefined} */
  let held;
  const waiting = /** @type {Buffer[]} */ ([]);
  const hand = () => {
    if (held === undefined || waiting.length === 0) return;
    held.end(waiting.shift());
    held = undefined;
  };
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (message, response) =>
    readAll(message, (body) => {
      if (message.url === '/next') held = response;
      else waiting.push(body);
      hand();
      if (message.url !== '/next') response.end();
    }),
  );
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify(server.address())}\n`));
}

if (role === 'relay') relay();
else if (role === 'sender') process.stdin.on('data', (line) => post('/send', line, () => {}));
else if (role === 'reader') hold();
