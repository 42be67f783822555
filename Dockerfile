# The base is a build argument, so that a mirror or a hardened image can take its place. It has to
# bring Node 24, npm, and a user called `node`.
ARG NODE_IMAGE=node:24-bookworm-slim

# What the service needs to run, and nothing else.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The Prisma client brings a query compiler for every database it knows: 60 MB that are not Postgres's.
# "optional" is omitted too because npm counts the client's peers (Prisma's tools, TypeScript) there.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  && find node_modules/@prisma/client/runtime -name 'query_compiler_*' ! -name '*.postgresql.*' -delete

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts fetch what only development needs: a Node of its own and a PostgreSQL.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY prisma.config.ts ./
COPY prisma ./prisma
# /bin/true stands in for an engine that the CLI would download and that generating does not use.
RUN PRISMA_SCHEMA_ENGINE_BINARY=/bin/true node_modules/.bin/prisma generate
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Latchkey" \
  org.opencontainers.image.description="The self-hosted system of record for entitlements over Stripe"
ENV NODE_ENV=production
# The service runs by node alone; package managers are programs of others that somebody could run here.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* \
  /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg
WORKDIR /app
# All of it stays root's: the service writes to its database and to standard output, never to disk.
COPY package.json ./
COPY prisma ./prisma
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/ready`).then((ready) => process.exit(ready.ok ? 0 : 1), () => process.exit(1))"]
# The first word names the program: serve, migrate, doctor, stripe:endpoint or signing-key.
ENTRYPOINT ["node", "--enable-source-maps", "dist/main.js"]
CMD ["serve"]
