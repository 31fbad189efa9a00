/**
 * A keep-alive connection that posts JSON by hand-written HTTP, one request at a time. On a machine with two cores a
 * full HTTP client would measure itself.
 */
import { once } from 'node:events';
import { createConnection } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');

export class RawConnection {
  /** @type {{ resolve(body: string): void, reject(error: Error): void } | undefined} */
  #waiting;
  /** @type {Buffer} */
  #received = Buffer.alloc(0);
  /** @type {import('node:net').Socket} */
  #socket;
  #head;

  /**
   * @param {import('node:net').Socket} socket
   * @param {number} port
   * @param {string} path
   * @param {string} token
   */
  constructor(socket, port, path, token) {
    this.#socket = socket;
    this.#head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: `;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the broker closed the connection')));
  }

  /**
   * @param {number} port
   * @param {string} path of the one operation it calls
   * @param {string} token
   */
  static async open(port, path, token) {
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket, port, path, token);
  }

  /**
   * @param {string} body JSON
   * @returns {Promise<string>} the body of a 200
   */
  post(body) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(`${this.#head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  }

  /** @param {Buffer} chunk */
  #read(chunk) {
    const received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    this.#received = received;
    const end = received.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const head = received.toString('latin1', 0, end);
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1]);
    const start = end + END_OF_HEAD.length;
    if (received.length < start + length) return;
    const body = received.toString('utf8', start, start + length);
    this.#received = received.subarray(start + length);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (head.startsWith('HTTP/1.1 200')) waiting?.resolve(body);
    else waiting?.reject(new Error(`${head.split('\r\n', 1)[0]} ${body}`));
  }

  close() {
    this.#waiting = undefined;
    this.#socket.destroy();
  }
}
