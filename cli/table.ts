/** Tables without lines, as wide as the terminal and no wider. Every cell is cleaned here, so none can be forgotten. */
import Table from 'cli-table3';
import { forTerminalLine, type PeerText } from '../shared/peer-text.ts';
import type { Context } from './context.ts';
import { cut, displayWidth } from './width.ts';

const GAP = 2;
/** The last column is worth showing from here on; columns that may be left out make room for it. */
const LAST_COLUMN_WANTS = 36;
const LAST_COLUMN_NEEDS = 8;

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string | PeerText;
  /** Colours the cleaned cell. */
  readonly paint?: (text: string, row: Row) => string;
  /** Left out where the terminal is too narrow, highest number first. */
  readonly spare?: number;
}

/**
 * The lines of head and rows. Where the width is known, columns that can be spared make room and the last one is cut;
 * where it is not, everything is shown in full.
 */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, colors }: Pick<Context, 'width' | 'colors'>,
): string {
  let drawn = columns.map((column) => {
    const texts = rows.map((row) => forTerminalLine(column.cell(row)));
    return { column, texts, width: Math.max(displayWidth(column.head), ...texts.map(displayWidth)) };
  });

  let lastWidth = Number.POSITIVE_INFINITY;
  if (width !== undefined) {
    const leftOver = () => width - drawn.slice(0, -1).reduce((sum, { width }) => sum + width + GAP, 0);
    const wanted = Math.min(LAST_COLUMN_WANTS, drawn.at(-1)?.width ?? 0);
    const spares = drawn
      .filter(({ column }) => column.spare !== undefined)
      .sort((a, b) => (b.column.spare ?? 0) - (a.column.spare ?? 0));
    for (const spare of spares) {
      if (leftOver() >= wanted) break;
      drawn = drawn.filter((candidate) => candidate !== spare);
    }
    lastWidth = Math.max(LAST_COLUMN_NEEDS, leftOver());
  }

  const output = new Table({
    head: drawn.map(({ column }) => colors.dim(column.head)),
    chars: {
      ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
      ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
      ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
      middle: ' '.repeat(GAP),
    },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  rows.forEach((row, index) => {
    output.push(
      drawn.map(({ column, texts }, position) => {
        const text = cut(texts[index] ?? '', position === drawn.length - 1 ? lastWidth : Number.POSITIVE_INFINITY);
        return column.paint?.(text, row) ?? text;
      }),
    );
  });
  return output
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
