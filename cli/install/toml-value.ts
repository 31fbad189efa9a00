/** How a value is written in TOML. */

/** JSON's strings, numbers and lists of them are TOML's too; a table stands on one line. */
export function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  const pairs = Object.entries(value).map(([name, item]) => `${bareOrQuoted(name)} = ${toml(item)}`);
  return `{ ${pairs.join(', ')} }`;
}

function bareOrQuoted(name: string): string {
  return /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
}
