/*
 * The image's entry point. It runs the program that the first argument names; by default, the service. For
 * example, `docker compose run --rm latchkey doctor` runs `npm run doctor` without npm.
 */
import './platform/node-version.ts';

const programs: Readonly<Record<string, () => Promise<unknown>>> = {
  serve: () => import('./server.ts'),
  migrate: () => import('./migrate.ts'),
  doctor: () => import('./doctor.ts'),
  'stripe:endpoint': () => import('./stripe-endpoint.ts'),
  'signing-key': () => import('./signing-key.ts'),
};

const [name = 'serve'] = process.argv.splice(2, 1);
const start = Object.hasOwn(programs, name) ? programs[name] : undefined;
if (start === undefined) {
  process.stderr.write(
    `The program "${name}" does not exist. Programs: ${Object.keys(programs).join(', ')}.\n`,
  );
  process.exit(2);
}
await start();
