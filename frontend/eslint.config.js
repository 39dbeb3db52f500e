import js from "@eslint/js";
import checkFile from "eslint-plugin-check-file";
import importX from "eslint-plugin-import-x";
import { createTypeScriptImportResolver } from "eslint-import-resolver-typescript";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

const FEATURES = [
  "chat",
  "catalog",
  "recommendations",
  "cart",
  "insights",
  "gateway",
  "mesh",
  "copywriting",
  "account",
  "help",
];

// Shared code knows no feature and no app; a feature knows neither the app nor another feature.
const zones = [
  ...["components", "lib", "config", "api"].map((shared) => ({
    target: `./src/${shared}`,
    from: ["./src/features", "./src/app"],
    message: "Shared code must not know a feature or the app.",
  })),
  { target: "./src/features", from: "./src/app", message: "A feature must not know the app." },
  { target: "./src/lib", from: "./src/components", message: "lib is below components." },
  ...FEATURES.map((feature) => ({
    target: `./src/features/${feature}`,
    from: "./src/features",
    except: [`./${feature}`],
    message: "Features meet only in the app: pass a render function instead.",
  })),
];

export default tseslint.config(
  { ignores: ["dist", "node_modules", "public", "src/api/schema.ts"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  jsxA11y.flatConfigs.strict,
  {
    files: ["**/*.{ts,tsx}"],
    plugins: { "react-hooks": reactHooks, "import-x": importX, "check-file": checkFile },
    languageOptions: { globals: globals.browser },
    settings: {
      "import-x/resolver-next": [createTypeScriptImportResolver({ project: "tsconfig.app.json" })],
    },
    rules: {
      ...reactHooks.configs.recommended.rules,
      "import-x/no-restricted-paths": ["error", { zones }],
      "import-x/no-cycle": "error",
      "check-file/filename-naming-convention": [
        "error",
        { "**/*.{ts,tsx}": "KEBAB_CASE" },
        { ignoreMiddleExtensions: true },
      ],
      "check-file/folder-naming-convention": ["error", { "src/**/": "KEBAB_CASE" }],
      "max-lines": ["error", { max: 250, skipBlankLines: false, skipComments: false }],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "Literal[value=/#[0-9a-fA-F]{3,8}\\b.*(?=;|$)/]",
          message: "Colours come from the tokens.",
        },
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "No raw HTML, ever." },
      ],
    },
  },
  { files: ["*.{js,ts}"], languageOptions: { globals: globals.node } },
);
