/** A SQLite file as another program would open it, with the driver that this runtime has. */
import { closeSync, openSync } from 'node:fs';
import { chooseDriver } from '../../broker/store/drivers/choose.ts';
import type { Connection } from '../../broker/store/drivers/connection.ts';

/** Makes the file where there is none. */
export async function openFile(path: string): Promise<Connection> {
  closeSync(openSync(path, 'a', 0o600));
  return (await chooseDriver()).open(path, { readonly: false });
}

export function rowsOf<Row>(connection: Connection, sql: string): Row[] {
  return connection.prepare(sql).all([]) as Row[];
}
