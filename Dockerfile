# Built and run step by step by .ci/image.mjs, linted by packages/server/test/Container.test.ts.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /offhook
COPY . .
RUN npm run build -- packages/server/tsconfig.src.json
# What production has, without what only a compiler or a debugger reads.
RUN rm -rf node_modules packages/*/node_modules \
  && npx --yes "$(node -p 'require("./package.json").packageManager')" install --prod --frozen-lockfile --offline \
  && rm -rf packages/*/src packages/*/tsconfig*.json packages/*/build node_modules/.pnpm/*/node_modules/effect/src \
  && find node_modules packages -type f \( -name "*.map" -o -name "*.d.ts" -o -name "*.d.cts" -o -name "*.d.mts" \
    -o -name "*.tsbuildinfo" \) -delete

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production OFFHOOK_RECORDINGS=/recordings
WORKDIR /offhook
RUN install -d -o node -g node -m 0700 /recordings
COPY --from=build /offhook/node_modules node_modules
COPY --from=build /offhook/packages packages
COPY --from=build /offhook/scripts/tunnel-url.mjs scripts/
# The image's user `node`, as a number: a platform that admits no root can tell.
USER 1000:1000
VOLUME /recordings
EXPOSE 5050
# At SIGTERM calls may go on for 20 s (OFFHOOK_DRAIN_SECONDS). Docker itself kills after 10: docker run --stop-timeout 30
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 5050}/`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "packages/server/dist/main.js"]
