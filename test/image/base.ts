import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Buildah } from './buildah.ts';
import { run } from './programs.ts';

const certificates = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Builds a stand-in for the official Node image from Debian's packages and the Node that runs this program,
 * so that the check needs no image registry. It is kept for the next check. Resolves with its name.
 */
export async function baseImage(buildah: Buildah, directory: string): Promise<string> {
  const image = `localhost/latchkey-base:node-${process.versions.node}`;
  if (await buildah.hasImage(image)) return image;

  const root = path.join(directory, 'rootfs');
  await rm(root, { recursive: true, force: true });
  await run('debootstrap', ['--variant=minbase', 'bookworm', root], 10 * 60_000);
  const container = await buildah.createContainer('scratch');
  try {
    await buildah.copyInto(container, root, '/');
    await buildah.copyInto(container, process.execPath, '/usr/local/bin/node');
    await buildah.copyInto(container, npmDirectory(), '/usr/local/lib/node_modules/npm');
    const script = [
      'useradd --create-home --uid 1000 node',
      'ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
      'ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx',
    ].join(' && ');
    await buildah.exec(container, ['sh', '-c', script]);
    if (existsSync(certificates)) {
      // If this machine trusts a private authority, npm must trust it in the build, too.
      await buildah.copyInto(container, certificates, certificates);
      await buildah.configure(container, ['--env', `NODE_EXTRA_CA_CERTS=${certificates}`]);
    }
    await buildah.commit(container, image);
  } finally {
    await buildah.removeContainer(container);
    await rm(root, { recursive: true, force: true });
  }
  return image;
}

/** The npm folder of the Node that runs this program. */
function npmDirectory(): string {
  const program = process.env['npm_execpath'];
  if (program === undefined) throw new Error('Run this by: npm run image:check');
  return path.resolve(path.dirname(program), '..');
}
