/** A client in a terminal of its own, typed to and read like a person would. */
import { stripVTControlCharacters } from 'node:util';
import { type IPty, spawn } from '@lydell/node-pty';
import { EventLog, named, withResolvers } from './event-log.ts';
import type { Launch } from './piped-client.ts';

export class TerminalClient {
  readonly #pty: IPty;
  readonly #exit = withResolvers<number>();
  readonly #chunks = new EventLog<string>('terminal', (chunk) =>
    JSON.stringify(stripVTControlCharacters(chunk).trim().slice(0, 400)),
  );
  #output = '';

  constructor({ command, args, cwd, env }: Launch) {
    this.#pty = spawn(command, [...args], { name: 'xterm-256color', cols: 160, rows: 50, cwd, env: { ...env } });
    this.#pty.onData((chunk) => {
      this.#output += chunk;
      this.#chunks.push(chunk);
    });
    this.#pty.onExit(({ exitCode }) => {
      this.#exit.resolve(exitCode);
      this.#chunks.close(`the client ended with code ${exitCode}`);
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** How much was printed so far: given to {@link shows}, only what follows counts. */
  get printed(): number {
    return this.#output.length;
  }

  /** Waits until the text was printed; blanks do not count, because programs place words with cursor moves. */
  async shows(text: string, since = 0): Promise<void> {
    const wanted = compact(text);
    await this.#chunks.until(named(() => compact(this.#output.slice(since)).includes(wanted), JSON.stringify(text)));
  }

  /** Presses keys. */
  press(keys: string): void {
    this.#pty.write(keys);
  }

  /** Types a line and sends it, once the client has taken the text: an Enter that comes with it counts as part of a paste. */
  async say(line: string): Promise<void> {
    const before = this.printed;
    this.press(line);
    await this.shows(line.slice(-20), before);
    this.press('\r');
  }

  exited(): Promise<number> {
    return this.#exit.promise;
  }
}

function compact(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\s+/g, '');
}
