import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Started } from '../../src/dev/started.ts';
import { baseImage } from './base.ts';
import { Buildah, type ImageConfig } from './buildah.ts';

/** The built image, with a container of it. */
export interface Box {
  buildah: Buildah;
  container: string;
  config: ImageConfig;
  /** The folder of the container's files on this machine. */
  files: string;
}

/** Builds the repository's Dockerfile. `started` removes image and container; the base image stays. */
export async function makeBox(repository: string, started: Started): Promise<Box> {
  const image = `localhost/latchkey-check:${process.pid}`;
  const directory = path.join(tmpdir(), 'latchkey-image-check');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const buildah = new Buildah(directory);
  const base = await baseImage(buildah, directory);
  await buildah.build(repository, image, { NODE_IMAGE: base });
  started.add(() => buildah.removeImage(image));
  const container = await buildah.createContainer(image);
  started.add(() => buildah.removeContainer(container));
  const config = await buildah.imageConfig(image);
  return { buildah, container, config, files: await buildah.mount(container) };
}
