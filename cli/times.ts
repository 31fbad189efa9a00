/** Times as a person reads them: how long ago, and the local clock. */

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** The largest one or two units: `45s`, `12m`, `3h 5m`, `2d 4h`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < MINUTE_S) return `${s}s`;
  if (s < HOUR_S) return `${Math.floor(s / MINUTE_S)}m`;
  const [large, unit, small, smallUnit] =
    s < DAY_S
      ? [Math.floor(s / HOUR_S), 'h', Math.floor((s % HOUR_S) / MINUTE_S), 'm']
      : [Math.floor(s / DAY_S), 'd', Math.floor((s % DAY_S) / HOUR_S), 'h'];
  return small === 0 ? `${large}${unit}` : `${large}${unit} ${small}${smallUnit}`;
}

/** `just now`, `3m ago`. */
export function ago(time: string, now: number): string {
  const seconds = (now - Date.parse(time)) / 1000;
  return seconds < 2 ? 'just now' : `${duration(seconds)} ago`;
}

/** `6d 23h`, or undefined once the time has passed. */
export function timeUntil(time: string, now: number): string | undefined {
  const seconds = (Date.parse(time) - now) / 1000;
  return seconds <= 0 ? undefined : duration(seconds);
}

/** Local `14:03:22`, with the date before it where that is not today's. */
export function clock(time: string, now: number): string {
  const at = new Date(time);
  const hours = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
  if (at.toDateString() === new Date(now).toDateString()) return hours;
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())} ${hours}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
