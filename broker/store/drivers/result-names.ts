/** SQLite's names of its results, as in https://sqlite.org/rescode.html, for a driver that has only their numbers. */

/** By number. */
const NAMES =
  'OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB'.split(
    ' ',
  );
/** An extended number has the plain one in its last eight bits. Only those count here that tell why the disk failed. */
const OF_THE_DISK = new Map([
  [778, 'IOERR_WRITE'],
  [1034, 'IOERR_FSYNC'],
  [4874, 'IOERR_SHMSIZE'],
]);

/** @param result plain or extended @returns `SQLITE_FULL`, for example */
export function resultName(result: number): string {
  return `SQLITE_${OF_THE_DISK.get(result) ?? NAMES[result & 0xff] ?? result}`;
}
