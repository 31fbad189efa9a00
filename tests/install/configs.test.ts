/**
 * Whatever a user's files look like: nothing of theirs changes. Texts of every layout go through the edits themselves,
 * which are plain functions; a few whole HOMEs, with links and modes, go through the command.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, symlinkSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claudeHooksEdit, claudeServerEdit } from '../../cli/install/claude-files.ts';
import { codexEdit } from '../../cli/install/codex-file.ts';
import type { FileEdit, Place } from '../../cli/install/file-edit.ts';
import { readJson, valueAt } from '../../cli/install/json-text.ts';
import { otherClientEdit } from '../../cli/install/other-clients.ts';
import { difference, digest, undo } from '../../cli/install/record.ts';
import { shellEdit } from '../../cli/install/shell-file.ts';
import { readToml } from '../../cli/install/toml-text.ts';
import { Home, withoutBackups } from './home.ts';
import { findShell } from './shells.ts';
import { jsonText, shellText, tomlText } from './texts.ts';

const place: Place = { env: {}, home: '/home/ada', platform: 'linux' };
const launch = { command: '/usr/bin/node', args: ['/opt/agent peers/"server".js'] };

/** Every line that was there is there, in the same order. */
function keepsLines(before: string, after: string, same = (line: string, other: string) => line === other): boolean {
  const lines = after.split(/\r?\n/);
  let at = 0;
  return before.split(/\r?\n/).every((line) => {
    const found = lines.findIndex((other, index) => index >= at && same(line, other));
    at = found + 1;
    return found >= 0;
  });
}

/** In JSON a comma may have come behind a value, and an empty list or object be opened. */
function sameInJson(line: string, other: string): boolean {
  const withComma = [...other].some((c, at) => c === ',' && other.slice(0, at) + other.slice(at + 1) === line);
  const opened = /[{[]$/.test(other) && [`${other}}`, `${other} }`, `${other}]`].some((head) => line.startsWith(head));
  return other === line || withComma || opened;
}

function exactly(edit: FileEdit, before: string): string {
  const after = edit.install(before);
  expect(edit.install(after), 'a second time changes nothing').toBe(after);
  const left = digest(after, edit.encoding);
  const record = { path: edit.path, encoding: edit.encoding, created: false, folders: [], backup: null, left };
  expect(undo(after, { ...record, ...difference(before, after) })).toBe(before);
  expect(undo(`${after} `, { ...record, ...difference(before, after) })).toBeUndefined();
  return after;
}

describe('TOML of every layout', () => {
  const edit = codexEdit(place, launch, { hooks: true, wake: false });

  it('keeps every line, parses to the same and more, and comes back', () => {
    fc.assert(
      fc.property(tomlText, (before) => {
        const after = exactly(edit, before);
        expect(keepsLines(before, after)).toBe(true);
        const { value } = readToml(after, 'after');
        expect(valueAt(value, ['mcp_servers', 'agent-peers', 'args'])).toEqual(launch.args);
        // and without the record, but for a line end and empty lines at its own
        const back = edit.uninstall(after);
        expect(back.trimEnd()).toBe(before.trimEnd());
        expect(readToml(back, 'back').value).toEqual(readToml(before, 'before').value);
      }),
      { numRuns: 300 },
    );
  });
});

describe('JSON of every layout', () => {
  const edits = [
    claudeServerEdit(place, launch),
    claudeHooksEdit(place),
    otherClientEdit('opencode', place, launch),
    otherClientEdit('vscode', place, launch),
  ];

  it.each(edits)('$path keeps every line, parses to the same and more, and comes back', (edit) => {
    fc.assert(
      fc.property(jsonText, (before) => {
        const after = exactly(edit, before);
        const value = readJson(before, 'before');
        const now = readJson(after, 'after');
        if (before.trim().includes('\n')) expect(keepsLines(before, after, sameInJson)).toBe(true);
        expect(now).toMatchObject(withoutOwnKeys(value));
        expect(after).toContain('agent-peers');
        expect(withoutEmpty(readJson(edit.uninstall(after), 'back'))).toEqual(withoutEmpty(value));
      }),
      { numRuns: 300 },
    );
  });

  /** What the edits add to may have been empty before. */
  function withoutOwnKeys(value: Record<string, unknown>): Record<string, unknown> {
    const { mcpServers: _m, hooks: _h, mcp: _o, servers: _s, ...rest } = value;
    return rest;
  }

  function withoutEmpty(value: unknown): unknown {
    if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
    const kept = Object.entries(value)
      .map(([key, item]) => [key, withoutEmpty(item)] as const)
      .filter(([, item]) => typeof item !== 'object' || item === null || Object.keys(item).length > 0);
    return Object.fromEntries(kept);
  }
});

describe('start files of every layout', () => {
  it.each(['zsh', 'bash', 'fish'] as const)('%s keeps every byte before its own, and comes back', (shell) => {
    const edit = shellEdit(shell, place, { skipPermissions: false, channel: true });
    fc.assert(
      fc.property(shellText, (before) => {
        const after = exactly(edit, before);
        expect(after.startsWith(before)).toBe(true);
        expect(edit.uninstall(after).trimEnd()).toBe(before.trimEnd());
        const program = findShell(shell);
        if (program && parses(program, before)) expect(parses(program, after)).toBe(true);
      }),
    );
  });

  /** Whether `zsh -n`, `bash -n` or `fish -n` has nothing against it. */
  function parses(program: string, text: string): boolean {
    return spawnSync(program, ['-n'], { input: Buffer.from(text, 'latin1') }).status === 0;
  }
});

describe('whole HOMEs', () => {
  const files = fc.record({
    '.codex/config.toml': fc.option(tomlText),
    '.claude.json': fc.option(jsonText),
    '.claude/settings.json': fc.option(jsonText),
    '.bashrc': fc.option(shellText),
  });

  it('come back byte for byte, links and modes too', { timeout: 120_000 }, async () => {
    const odd = fc.record({ linked: fc.boolean(), mode: fc.constantFrom(0o600, 0o644, 0o664), readOnly: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(files, odd, async (contents, { linked, mode, readOnly }) => {
        const home = await Home.make();
        try {
          for (const [name, content] of Object.entries(contents)) {
            if (content === null) continue;
            const real = linked ? `dotfiles/${name.replaceAll('/', '_')}` : name;
            home.write(real, content);
            chmodSync(home.at(real), mode);
            if (!linked) continue;
            home.write(`${name}.keep`, '');
            symlinkSync(home.at(real), home.at(name));
          }
          const locked = readOnly && contents['.bashrc'] !== null;
          if (locked) chmodSync(home.at('.bashrc'), 0o400);
          const before = home.snapshot();
          const { code } = await home.run('install', '--yes');
          expect(code).toBe(locked ? 4 : 0);
          if (linked && contents['.claude.json'] !== null) {
            expect(lstatSync(home.at('.claude.json')).isSymbolicLink()).toBe(true);
          }
          if (locked) expect(home.snapshot()['.bashrc']).toBe(before['.bashrc']);
          const installed = home.snapshot();
          await home.run('install', '--yes');
          expect(home.snapshot()).toEqual(installed);
          expect((await home.run('uninstall')).code).toBe(0);
          expect(withoutBackups(home.snapshot())).toEqual(before);
          await home.run('uninstall', '--purge', '--yes');
          expect(home.snapshot()).toEqual(before);
        } finally {
          home.remove();
        }
      }),
      { numRuns: 12 },
    );
  });
});
