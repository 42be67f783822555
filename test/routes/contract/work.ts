import pg from 'pg';
import { vi } from 'vitest';
import type { Sandbox } from '../../../src/sandbox/sandbox.ts';

export interface Work {
  /** By endpoint of Stripe, sorted: those of one request may come in any order. */
  stripe: string[];
  /** The statements, in their order. */
  postgres: string[];
}

/** Notes what all instances ask of Stripe and of Postgres, until it is stopped. */
export function watchWork(sandbox: Sandbox): { done: () => Work; stop: () => void } {
  const query = vi.spyOn(pg.Client.prototype, 'query');
  let asked = sandbox.requests.length;
  return {
    /** Returns the work since the last call. */
    done() {
      const stripe = sandbox.requests.slice(asked).map(({ endpoint }) => endpoint);
      const postgres = query.mock.calls.map((call) => statementOf(call)).filter(isOfRequest);
      asked = sandbox.requests.length;
      query.mockClear();
      return { stripe: stripe.sort(), postgres };
    },
    stop: () => {
      query.mockRestore();
    },
  };
}

function statementOf([query]: readonly unknown[]): string {
  if (typeof query === 'string') return query;
  return typeof query === 'object' && query !== null && 'text' in query ? String(query.text) : '';
}

/**
 * Not who asks: a key that was not used for a while is looked up again, and noted as used; those of streams
 * are checked every other second.
 */
function isOfRequest(statement: string): boolean {
  return !/last_used_at|from api_keys\s+where (hash =|id = any)/.test(statement);
}
