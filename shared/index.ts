/** The package's library: the contract and a client, for programs that talk to the broker themselves. */
export { BrokerClient, type CallOptions, type Hello } from './client.ts';
export { type Env, type Location, readLocation } from './config.ts';
export { type OperationName, operations, type Request, type Response } from './contract/index.ts';
export * from './contract/types.ts';
export { ERROR_KINDS, type ErrorBody, type ErrorCode, PeersError } from './errors.ts';
export { forModel, forTerminal, forTerminalLine, type PeerText, peerText, rawText } from './peer-text.ts';
export { VERSION } from './version.ts';
