/** The program itself: its version, what runs it, and where it runs from. */
import { isNewer } from '../../shared/ensure-broker.ts';
import { VERSION } from '../../shared/version.ts';
import { isTemporary } from '../install/launch.ts';
import type { Io } from '../io.ts';
import { type Finding, findingsOf } from './finding.ts';

const OLDEST = { node: '20.19.0', bun: '1.3.0' } as const;

export function programFindings(io: Io): Finding[] {
  const { ok, warning, error } = findingsOf('program');
  const { name, version, path } = io.runtime;
  const oldest = OLDEST[name];
  return [
    ok(`agent-peers ${VERSION}`),
    isNewer(oldest, version)
      ? error(`${name} ${version} runs it, which is too old`, `Install ${name} ${oldest} or newer.`)
      : ok(`${name} ${version} (${path})`),
    ...(isTemporary(io)
      ? [
          warning(
            'it runs from the cache of npx, which npm may empty at any time',
            'Run: npm install --global agent-peers-mcp',
          ),
        ]
      : []),
  ];
}
