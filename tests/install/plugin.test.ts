/** The plugin for Claude Code says the same as `install` writes; that it works is shown with the real client. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { claudeHooksEdit } from '../../cli/install/claude-files.ts';
import { HOOK_TOOL } from '../../cli/install/file-edit.ts';
import { HOOK_TOOL as SESSION_HOOK_TOOL } from '../../session/hooks.ts';
import { VERSION } from '../../shared/version.ts';
import { ROOT } from '../helpers/sandbox.ts';

function read(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, 'plugin', name), 'utf8')) as Record<string, unknown>;
}

it('has the version of the package', () => {
  expect(read('.claude-plugin/plugin.json')['version']).toBe(VERSION);
});

it('calls the same hooks, by the name that the server has in a plugin', () => {
  const place = { env: {}, home: '/home/ada', platform: 'linux' } as const;
  const installed = claudeHooksEdit(place).install('').replaceAll('"agent-peers"', '"plugin:agent-peers:agent-peers"');
  expect(read('hooks/hooks.json')['hooks']).toEqual((JSON.parse(installed) as Record<string, unknown>)['hooks']);
});

it('and install call the tool that the session answers', () => {
  expect(HOOK_TOOL).toBe(SESSION_HOOK_TOOL);
});
