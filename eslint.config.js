// The rules for the pages' JavaScript and its tests.

import js from "@eslint/js";
import globals from "globals";

const rules = {
  ...js.configs.recommended.rules,
  "consistent-return": "error",
  curly: ["error", "multi-line"],
  eqeqeq: "error",
  "max-lines": ["error", 300],
  "no-console": ["error", { allow: ["error"] }],
  "no-shadow": "error",
  "no-use-before-define": ["error", { functions: false, variables: false }],
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
  "prefer-template": "error",
  // What comes from a cluster reaches a page as text.
  "no-restricted-properties": ["error", { property: "innerHTML" }, { property: "outerHTML" }, { property: "insertAdjacentHTML" }],
};

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  { files: ["src/**/*.js"], languageOptions: { globals: globals.browser }, rules },
  { files: ["tests/**/*.js", "*.js"], languageOptions: { globals: globals.node }, rules },
  { ignores: ["docs/", ".venv/", ".venvs/", ".testbed/", ".demo/", "testbed/"] },
];
