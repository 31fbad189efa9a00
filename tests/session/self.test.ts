/** Who and where a session is, when files, file systems and the broker do not do as expected. */
import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Place, Whereabouts } from '../../session/context.ts';
import { credentialPath, homeCredential } from '../../session/identity.ts';
import { Self } from '../../session/self.ts';
import type { ToolContext } from '../../session/tools/tool.ts';
import { type Deferred, deferred } from '../../shared/deferred.ts';
import * as secret from '../../shared/secret.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

vi.mock('../../shared/secret.ts', { spy: true });

const PLACE: Place = { host: 'host', cwd: '/real', repo: '/real/.git', branch: 'main' };

describe('the place of a session', () => {
  let looks: Deferred<Place>[];
  let branches: string[];
  let logged: string[];
  let whereabouts: Whereabouts;
  beforeEach(() => {
    looks = [];
    branches = [];
    logged = [];
    whereabouts = new Whereabouts({
      cwd: '/named',
      log: { info: () => {}, warn: (what) => void logged.push(what) },
      onBranch: (branch) => void branches.push(branch),
      read: () => {
        const look = deferred<Place>();
        looks.push(look);
        return look.promise;
      },
      waitMs: 20,
    });
  });

  it('is not waited for where the file system does not answer, and known once it does', async () => {
    expect(await whereabouts.place()).toMatchObject({ cwd: '/named', repo: '', branch: '' });
    looks[0]?.resolve(PLACE);
    await until(() => branches.length > 0);
    expect(branches).toEqual(['main']);
    expect(await whereabouts.place()).toEqual(PLACE);
    expect(looks).toHaveLength(1);
  });

  it('is waited for by the registration, though a call has begun to look before', async () => {
    whereabouts.refresh();
    const place = whereabouts.place();
    looks[0]?.resolve(PLACE);
    expect(await place).toEqual(PLACE);
    expect([looks.length, branches]).toEqual([1, []]);
  });

  it('is looked at once at a time, and again only after a while', async () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    await whereabouts.place();
    clock.mockReturnValue(31_000);
    whereabouts.refresh();
    expect(looks).toHaveLength(1);
    looks[0]?.resolve(PLACE);
    await until(() => branches.length > 0);
    whereabouts.refresh();
    whereabouts.refresh();
    expect(looks).toHaveLength(2);
    looks[1]?.resolve({ ...PLACE, branch: 'other', repo: '/other/.git' });
    await until(() => branches.length > 1);
    expect(branches).toEqual(['main', 'other']);
    whereabouts.refresh();
    expect(looks).toHaveLength(2);
    expect((await whereabouts.place()).repo).toBe('/other/.git');
    clock.mockRestore();
  });

  it('stays what it was where a look fails, which ends nothing', async () => {
    const first = whereabouts.place();
    looks[0]?.reject(new Error('EIO'));
    expect(await first).toMatchObject({ cwd: '/named' });
    expect(logged).toEqual(['could not find out the repository and branch']);
  });
});

describe('the identity of a session', () => {
  let box: Sandbox;
  beforeEach(async () => {
    box = await Sandbox.create();
    secret.ensureSecret(box.location.home);
  });
  afterEach(() => box.close());

  it('is the credential that another session has written in the same moment', () => {
    const { home } = box.location;
    const theirs = 'y'.repeat(43);
    vi.mocked(secret.readSecret).mockImplementationOnce(() => {
      writeFileSync(credentialPath(home), `${theirs}\n`);
      return Buffer.alloc(32);
    });
    expect(homeCredential(home)).toEqual({ credential: theirs, unsaved: undefined });
    expect(homeCredential(home)).toEqual({ credential: theirs, unsaved: undefined });
  });

  it('is one credential for its whole life', async () => {
    const self = selfOf(box);
    const { credential } = await self.registration('none');
    rmSync(credentialPath(box.location.home));
    vi.mocked(secret.readSecret).mockReturnValueOnce(Buffer.alloc(32));
    expect((await self.registration('none')).credential).toBe(credential);
  });

  it('does not become that of a conversation which the broker refused, and does not ask again', async () => {
    const self = selfOf(box);
    let asked = 0;
    const refuse = (async () => {
      asked += 1;
      return { peer: { id: 'p2' }, allowed: false, adopted: false };
    }) as unknown as ToolContext['call'];
    await self.registration('none');
    expect(await self.bind('thread', refuse)).toBeUndefined();
    expect(await self.bind('thread', refuse)).toBeUndefined();
    expect(asked).toBe(1);
    expect(await self.registration('none')).not.toHaveProperty('conversation');
  });
});

function selfOf(box: Sandbox): Self {
  return new Self({
    side: 'codex',
    env: box.env,
    home: box.location.home,
    cwd: box.home,
    log: { info: () => {}, warn: () => {} },
    report: () => {},
  });
}
