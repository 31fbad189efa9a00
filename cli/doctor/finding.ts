/** What `doctor` has to tell about one thing: how it is, and what to do where it is not well. */
export interface Finding {
  readonly area: 'program' | 'broker' | 'clients' | 'delivery' | 'processes';
  /** `error`: something does not work; `warning`: it works, with a limit worth knowing. */
  readonly level: 'ok' | 'warning' | 'error';
  readonly text: string;
  /** What the person can do; null where nothing is to do. */
  readonly remedy: string | null;
}

export type Area = Finding['area'];

/** Findings of one area. */
export function findingsOf(area: Area) {
  return {
    ok: (text: string): Finding => ({ area, level: 'ok', text, remedy: null }),
    warning: (text: string, remedy: string): Finding => ({ area, level: 'warning', text, remedy }),
    error: (text: string, remedy: string): Finding => ({ area, level: 'error', text, remedy }),
  };
}
