/** What a command may touch of the process around it. Only the entry knows the real one; tests pass their own. */
import type { Readable, Writable } from 'node:stream';
import type { Env } from '../shared/config.ts';
import { PeersError } from '../shared/errors.ts';

/** The part of a writable stream that is used here; its callback says that the text was handed over. */
export interface Sink {
  write(text: string, done: (error?: Error | null) => void): unknown;
}

export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly env: Env;
  readonly cwd: () => string;
  /** Standard output is a terminal. */
  readonly isTTY: boolean;
  /** Width of that terminal; undefined where the output goes elsewhere. */
  readonly columns: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
  /** The program that `send` and `status --start` start when no broker answers. */
  readonly brokerEntry: string;
  /** What runs this command, and with it everything else of agent-peers. */
  readonly runtime: Runtime;
  readonly platform: NodeJS.Platform;
  /** Where somebody can be asked; undefined where input or output is no terminal. */
  readonly terminal: Terminal | undefined;
}

export interface Runtime {
  readonly name: 'node' | 'bun';
  readonly version: string;
  /** Absolute path of its executable. */
  readonly path: string;
}

export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
}

/** The reader of the output has gone (`| head`): nothing is wrong, and nobody is left to be told. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** Resolves once the text was handed over, so that what depends on its being seen can follow. */
export function write(sink: Sink, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    sink.write(text, (error) => {
      if (!error) return resolve();
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return reject(new OutputClosed());
      reject(
        new PeersError(
          code === 'ENOSPC' ? 'storage_full' : 'internal',
          `The output could not be written (${code ?? error.message}).`,
          'Look at where standard output goes; what it was to show is still there.',
          { cause: error },
        ),
      );
    });
  });
}
