/** What `broker --check <path>` says of a SQLite file, in one JSON line. */
export type DatabaseReport =
  /** `problems`: what SQLite found wrong, in its words; empty where all is well. */
  | { readonly driver: string; readonly problems: readonly string[] }
  /** It could not be read through. */
  | { readonly error: { readonly message: string; readonly hint?: string } };
