/**
 * What `install` did, kept in install.json beside the secret: by it `uninstall` puts back the very bytes, as long as
 * nobody else has changed the file since.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { replacePrivateFile } from '../../shared/private-file.ts';
import { readRegularFile } from '../../shared/read-file.ts';
import { ensurePrivateFolder } from '../../shared/secret.ts';
import type { Encoding } from './text-file.ts';

const FileRecord = z.object({
  path: z.string(),
  encoding: z.enum(['utf8', 'latin1']),
  /** There was no such file. */
  created: z.boolean(),
  /** Folders that were made for it, outermost first. */
  folders: z.array(z.string()),
  backup: z.string().nullable(),
  /** SHA-256 of the file as it was left. */
  left: z.string(),
  /** At this place, `removed` stood before and `inserted` stands now. */
  offset: z.number().int(),
  removed: z.string(),
  inserted: z.string(),
});
export type FileRecord = z.infer<typeof FileRecord>;

/** It holds the parts of files that were replaced, and a file may have 8 MB. */
const MAX_BYTES = 64 * 1024 * 1024;

const InstallRecord = z.object({ version: z.literal(1), files: z.array(FileRecord) });

export class Records {
  readonly #home: string;
  readonly #files: Map<string, FileRecord>;

  private constructor(home: string, files: readonly FileRecord[]) {
    this.#home = home;
    this.#files = new Map(files.map((file) => [file.path, file]));
  }

  static async read(home: string): Promise<Records> {
    let text: string;
    try {
      text = (await readRegularFile(pathIn(home), MAX_BYTES)).toString('utf8');
    } catch {
      return new Records(home, []); // nothing installed yet
    }
    const parsed = InstallRecord.safeParse(safelyParsed(text));
    // half a file, or a newer program's: uninstall then goes by what stands in the files themselves
    return new Records(home, parsed.data?.files ?? []);
  }

  get all(): FileRecord[] {
    return [...this.#files.values()];
  }

  get(path: string): FileRecord | undefined {
    return this.#files.get(path);
  }

  async put(file: FileRecord): Promise<void> {
    this.#files.set(file.path, file);
    await this.#save();
  }

  async drop(path: string): Promise<void> {
    this.#files.delete(path);
    await this.#save();
  }

  async #save(): Promise<void> {
    const path = pathIn(this.#home);
    if (this.#files.size === 0) return await rm(path, { force: true });
    ensurePrivateFolder(this.#home);
    replacePrivateFile(path, `${JSON.stringify({ version: 1, files: this.all }, null, 2)}\n`);
  }
}

function pathIn(home: string): string {
  return join(home, 'install.json');
}

function safelyParsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function digest(text: string, encoding: Encoding): string {
  return createHash('sha256').update(Buffer.from(text, encoding)).digest('hex');
}

/** The one place in which two texts differ. */
export function difference(before: string, after: string): Pick<FileRecord, 'offset' | 'removed' | 'inserted'> {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  return {
    offset: head,
    removed: before.slice(head, before.length - tail),
    inserted: after.slice(head, after.length - tail),
  };
}

/** The text as it was before, or undefined where it has changed since. */
export function undo(text: string, record: FileRecord): string | undefined {
  if (digest(text, record.encoding) !== record.left) return undefined;
  return text.slice(0, record.offset) + record.removed + text.slice(record.offset + record.inserted.length);
}
