/** What a measurement hands back, and how it looks: one line of a Markdown table for each thing measured. */
import { median, percentile } from './statistics.mjs';

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {string} unit
 * @property {number} n how many samples
 * @property {number} median
 * @property {number} [p99] left out where there are too few samples to speak of a tail
 * @property {{ median?: number, p99?: number, atLeast?: number }} bound empty for what is only shown for comparison
 * @property {string} [note]
 */

/** Below this the "99th percentile" would be the maximum under another name. */
const TAIL_SAMPLES = 100;

/**
 * @param {string} what
 * @param {string} unit
 * @param {readonly number[]} samples
 * @param {Row['bound']} [bound]
 * @param {string} [note]
 * @returns {Row}
 */
export function row(what, unit, samples, bound = {}, note) {
  return {
    what,
    unit,
    n: samples.length,
    median: median(samples),
    ...(samples.length >= TAIL_SAMPLES ? { p99: percentile(samples, 99) } : {}),
    bound,
    ...(note === undefined ? {} : { note }),
  };
}

/**
 * How many times as long one thing took as another that was measured in turns with it.
 * @param {string} what
 * @param {readonly number[]} samples
 * @param {readonly number[]} base
 * @param {Row['bound']} bound
 * @param {string} note
 * @returns {Row}
 */
export function ratio(what, samples, base, bound, note) {
  return { what, unit: '×', n: samples.length, median: median(samples) / median(base), bound, note };
}

/**
 * @param {Row} measured
 * @returns {boolean | undefined} undefined where nothing is required
 */
export function isMet({ median, p99, bound }) {
  const checks = [
    ...(bound.median === undefined ? [] : [median <= bound.median]),
    ...(bound.p99 === undefined ? [] : [p99 !== undefined && p99 <= bound.p99]),
    ...(bound.atLeast === undefined ? [] : [median >= bound.atLeast]),
  ];
  return checks.length === 0 ? undefined : checks.every(Boolean);
}

/** @param {number} value */
function figure(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** @param {Row} measured */
function boundText({ unit, bound }) {
  const several = bound.p99 !== undefined;
  return [
    ...(bound.median === undefined
      ? []
      : [`${several ? 'p50 ' : ''}≤ ${bound.median.toLocaleString('en-US')} ${unit}`]),
    ...(bound.p99 === undefined ? [] : [`p99 ≤ ${bound.p99} ${unit}`]),
    ...(bound.atLeast === undefined ? [] : [`≥ ${bound.atLeast.toLocaleString('en-US')} ${unit}`]),
  ].join(', ');
}

/**
 * @param {readonly Row[]} rows
 * @returns {string} a Markdown table
 */
export function table(rows) {
  const cells = rows.map((measured) => {
    const met = isMet(measured);
    return [
      measured.what,
      String(measured.n),
      `${figure(measured.median)} ${measured.unit}`,
      measured.p99 === undefined ? '' : `${figure(measured.p99)} ${measured.unit}`,
      boundText(measured),
      met === undefined ? '' : met ? 'yes' : '**no**',
      measured.note ?? '',
    ];
  });
  const head = ['what', 'n', 'median', 'p99', 'bound', 'met', 'note'];
  const widths = head.map((name, i) => Math.max(name.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const line = (/** @type {readonly string[]} */ values) =>
    `| ${values.map((value, i) => value.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}
