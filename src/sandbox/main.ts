import { startSandbox } from './sandbox.ts';

/*
 * The program behind `npm run sandbox`: a local stand-in for Stripe, for development (docs/sandbox.md).
 * Environment variables: SANDBOX_HOST, SANDBOX_PORT, SANDBOX_SECRET_KEY, SANDBOX_STATE_FILE, and for one
 * webhook endpoint SANDBOX_WEBHOOK_URL with SANDBOX_WEBHOOK_SECRET.
 */
const { env } = process;
const {
  SANDBOX_HOST: host,
  SANDBOX_SECRET_KEY: secretKey,
  SANDBOX_STATE_FILE: stateFile,
  SANDBOX_WEBHOOK_URL: url,
  SANDBOX_WEBHOOK_SECRET: secret,
} = env;

const sandbox = await startSandbox({
  port: Number(env['SANDBOX_PORT'] ?? 12111),
  ...(host === undefined ? {} : { host }),
  ...(secretKey === undefined ? {} : { secretKey }),
  ...(stateFile === undefined ? {} : { stateFile }),
  ...(url === undefined || secret === undefined ? {} : { endpoints: [{ url, secret }] }),
});
console.log(`Sandbox: ${sandbox.url} (key ${secretKey ?? 'sk_test_sandbox'})`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void sandbox.close();
  });
}
