FROM node:24-slim AS build
WORKDIR /offhook
COPY . .
RUN npm run build -- packages/server/tsconfig.src.json \
  && rm -rf node_modules packages/*/node_modules \
  && npx --yes "$(node -p 'require("./package.json").packageManager')" install --prod --frozen-lockfile --offline

FROM node:24-slim
ENV NODE_ENV=production OFFHOOK_RECORDINGS=/recordings
WORKDIR /offhook
RUN install -d -o node -g node /recordings
COPY --from=build /offhook/node_modules node_modules
COPY --from=build /offhook/packages packages
COPY --from=build /offhook/scripts/tunnel-url.mjs scripts/
USER node
VOLUME /recordings
EXPOSE 5050
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 5050}/`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "packages/server/dist/main.js"]
