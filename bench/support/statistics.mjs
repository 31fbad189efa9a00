/** Medians and tails of samples. */

/**
 * The nearest-rank percentile: always a value that was measured.
 * @param {readonly number[]} samples
 * @param {number} percent
 */
export function percentile(samples, percent) {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (value === undefined) throw new Error('there are no samples');
  return value;
}

/** @param {readonly number[]} samples */
export function median(samples) {
  return percentile(samples, 50);
}
