import pg from 'pg';
import { reasonOf } from './redaction.ts';

/** Time limit for connecting, milliseconds. An unreachable host never responds. */
const connectWithinMs = 10_000;

/** Returns the address of a database without credentials, such as `localhost:5432/latchkey`. */
export function placeOf(databaseUrl: string): string {
  const { hostname, port, pathname } = new URL(databaseUrl);
  return `${hostname}:${port === '' ? '5432' : port}${pathname}`;
}

/**
 * Opens a single connection, for work that needs its own session, such as migrations and checks. The caller
 * must close it.
 *
 * @throws Error that names the database and the reason, without credentials.
 */
export async function connect(databaseUrl: string, applicationName: string): Promise<pg.Client> {
  try {
    const client = new pg.Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: connectWithinMs,
      application_name: applicationName,
    });
    // If the connection is lost, its next query fails. An unhandled error event would end the process.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  } catch (error) {
    throw new Error(`database ${placeOf(databaseUrl)}: ${reasonOf(error)}${hintOf(error)}`, {
      cause: error,
    });
  }
}

/** Returns advice for the most common failures. */
function hintOf(error: unknown): string {
  const text = reasonOf(error);
  if (/self-signed certificate|unable to (?:get|verify)/.test(text)) {
    return ' (add sslrootcert=/path/to/ca.pem to DATABASE_URL, or use sslmode=no-verify)';
  }
  if (/\b(?:ENOENT|EACCES|EISDIR)\b.*\b(?:open|read)\b/.test(text)) {
    return ' (sslrootcert, sslcert and sslkey in DATABASE_URL must name files that the service can read)';
  }
  if (text.includes('no pg_hba.conf entry') && text.includes('no encryption')) {
    return ' (the server requires TLS: add sslmode=verify-full to DATABASE_URL)';
  }
  if (text.includes('does not support SSL')) {
    return ' (the server has no TLS: remove sslmode from DATABASE_URL)';
  }
  return '';
}
