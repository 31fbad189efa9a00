import { nodeSqlite } from '../../broker/store/drivers/node-sqlite.ts';

const found = nodeSqlite();
if (!found)
  throw new Error(
    `Node ${process.versions.node} has no node:sqlite; npm run test:package runs this under one that has it`,
  );
export const driver = found;
