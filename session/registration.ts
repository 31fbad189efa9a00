/** What a session tells of itself, cut to what the contract takes: no place or client is a reason to refuse a session. */
import type { Request } from '../shared/contract/types.ts';
import { REGISTRATION_MAX_CHARS } from '../shared/limits.ts';

/** As it is known here: plain strings. */
type Registration = Request<'registerSession'> & Record<'host' | 'cwd' | 'repo' | 'branch', string>;

/** The registration with texts that are too long shortened; what decides who the session is stays as it is. */
export function fitRegistration(registration: Registration): Request<'registerSession'> {
  const { host, cwd, repo, branch, client, name } = registration;
  return {
    ...registration,
    // still too long for a name, so that the broker refuses it as one
    ...(name === undefined ? {} : { name: head(name, REGISTRATION_MAX_CHARS.name) }),
    host: head(host, REGISTRATION_MAX_CHARS.host),
    cwd: tail(cwd, REGISTRATION_MAX_CHARS.path),
    repo: tail(repo, REGISTRATION_MAX_CHARS.path),
    branch: fitBranch(branch),
    client: {
      name: head(client.name, REGISTRATION_MAX_CHARS.clientName),
      version: head(client.version, REGISTRATION_MAX_CHARS.clientVersion),
    },
  };
}

export function fitBranch(branch: string): string {
  return head(branch, REGISTRATION_MAX_CHARS.branch);
}

/** In characters, as the contract counts them: no half of one is left. */
function head(text: string, max: number): string {
  return text.length <= max ? text : [...text].slice(0, max).join('');
}

/** The end of a path tells more than its beginning. */
function tail(text: string, max: number): string {
  return text.length <= max ? text : [...text].slice(-max).join('');
}
