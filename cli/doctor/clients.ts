/** The clients: whether they are there, know agent-peers, and how messages will reach them. */
import { placeOf } from '../install/place.ts';
import type { Io } from '../io.ts';
import { claudeReport } from './claude.ts';
import { codexReport } from './codex.ts';
import type { ClientReport } from './registered.ts';

export async function clientReport(io: Io): Promise<ClientReport> {
  const place = placeOf(io);
  const reports = [await claudeReport(place), await codexReport(place)];
  return {
    findings: reports.flatMap(({ findings }) => findings),
    registered: reports.flatMap(({ registered }) => registered),
  };
}
