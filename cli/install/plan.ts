/** Works out what a run of `install` or `uninstall` would do to each file, without doing it. */
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import { PeersError } from '../../shared/errors.ts';
import { cleanText } from '../../shared/text.ts';
import type { FileEdit } from './file-edit.ts';
import { type Records, undo } from './record.ts';
import { assertWritable, readTextFile, type TextFile } from './text-file.ts';

export interface Step {
  readonly edit: FileEdit;
  readonly file: TextFile;
  /** What the file shall hold; undefined: it shall go. */
  readonly after: string | undefined;
}

export interface Refusal {
  readonly edit: FileEdit;
  readonly error: PeersError;
}

export interface Plan {
  /** Files that change. */
  readonly steps: readonly Step[];
  /** Files that are already as they should be. */
  readonly settled: readonly FileEdit[];
  /** Files that are left alone, and why. */
  readonly refused: readonly Refusal[];
}

export function planInstall(edits: readonly FileEdit[]): Promise<Plan> {
  return plan(edits, ({ text }, edit) => edit.install(text ?? ''));
}

/** Files that nobody has changed since get their very bytes back. */
export function planUninstall(edits: readonly FileEdit[], records: Records): Promise<Plan> {
  return plan(edits, ({ text, path }, edit) => {
    if (text === undefined) return undefined;
    const record = records.get(path);
    const exact = record && undo(text, record);
    const before = exact ?? edit.uninstall(text);
    const ours = record?.created === true || edit.path.endsWith('agent-peers.fish');
    return ours && isNothing(before) ? undefined : before;
  });
}

async function plan(
  edits: readonly FileEdit[],
  afterOf: (file: TextFile, edit: FileEdit) => string | undefined,
): Promise<Plan> {
  const steps: Step[] = [];
  const settled: FileEdit[] = [];
  const refused: Refusal[] = [];
  for (const edit of edits) {
    try {
      const file = await readTextFile(edit.path, edit.encoding);
      const after = afterOf(file, edit);
      if (after === file.text) {
        settled.push(edit);
        continue;
      }
      await assertWritable(file);
      steps.push({ edit, file, after });
    } catch (error) {
      if (!(error instanceof PeersError)) throw error;
      refused.push({ edit, error });
    }
  }
  return { steps, settled, refused };
}

/** What is left of a file that was made for agent-peers alone. */
function isNothing(text: string): boolean {
  return /^\s*(?:\{\s*\})?\s*$/.test(text);
}

/** A unified diff, as a terminal may show it. */
export function diffOf({ file, after, edit }: Step): string {
  const from = file.text === undefined ? '/dev/null' : file.path;
  const to = after === undefined ? '/dev/null' : file.path;
  const shown = (text: string | undefined) => readable(text ?? '', edit.encoding);
  const patch = createTwoFilesPatch(from, to, shown(file.text), shown(after), undefined, undefined, {
    context: 3,
    headerOptions: FILE_HEADERS_ONLY,
  });
  return cleanText(patch.replaceAll('\r', '')).trimEnd();
}

function readable(text: string, encoding: FileEdit['encoding']): string {
  return encoding === 'latin1' ? Buffer.from(text, 'latin1').toString('utf8') : text;
}
