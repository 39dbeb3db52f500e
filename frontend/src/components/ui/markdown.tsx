import { Fragment, useMemo, type ReactNode } from "react";
import { Link } from "react-router";
import { parseMarkdown, type Block, type Inline } from "@/lib/markdown";

type CitationRender = (index: number) => ReactNode;

interface MarkdownProps {
  source: string;
  /** How a mark like [1] is drawn; without it the mark stays text. */
  renderCitation?: CitationRender;
  compact?: boolean;
}

/** Markdown as React elements: nothing in the text can become markup. */
export function Markdown({ source, renderCitation, compact = false }: MarkdownProps) {
  const blocks = useMemo(() => parseMarkdown(source), [source]);
  return (
    <div className={compact ? "space-y-3" : "measure space-y-4 text-base"}>
      {blocks.map((block, index) => (
        <BlockView key={index} block={block} cite={renderCitation} />
      ))}
    </div>
  );
}

function BlockView({ block, cite }: { block: Block; cite?: CitationRender }) {
  switch (block.kind) {
    case "heading":
      return <Heading block={block} cite={cite} />;
    case "paragraph":
      return (
        <p>
          <Inlines nodes={block.children} cite={cite} />
        </p>
      );
    case "list": {
      const List = block.ordered ? "ol" : "ul";
      return (
        <List
          className={
            block.ordered ? "list-decimal space-y-1 pl-6" : "list-disc space-y-1 pl-6 marker:text-ember"
          }
        >
          {block.items.map((item, index) => (
            <li key={index}>
              <Inlines nodes={item} cite={cite} />
            </li>
          ))}
        </List>
      );
    }
    case "quote":
      return (
        <blockquote className="space-y-3 border-l-2 border-ember pl-4 text-muted">
          {block.blocks.map((inner, index) => (
            <BlockView key={index} block={inner} cite={cite} />
          ))}
        </blockquote>
      );
    case "code":
      return <pre className="overflow-x-auto rounded-sm bg-sunk p-3 text-xs">{block.text}</pre>;
    case "table":
      return <TableView block={block} cite={cite} />;
    case "rule":
      return <hr className="border-line" />;
  }
}

function Heading({ block, cite }: { block: Extract<Block, { kind: "heading" }>; cite?: CitationRender }) {
  const words = <Inlines nodes={block.children} cite={cite} />;
  if (block.level === 2) {
    return (
      <h2 id={block.id} className="display pt-4 text-xl">
        {words}
      </h2>
    );
  }
  return (
    <h3 id={block.id} className="pt-2 font-semibold">
      {words}
    </h3>
  );
}

function TableView({ block, cite }: { block: Extract<Block, { kind: "table" }>; cite?: CitationRender }) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full border-collapse text-sm">
        <thead>
          <tr>
            {block.head.map((cell, index) => (
              <th key={index} className="border-b border-line-strong py-2 pr-4 text-left font-semibold">
                <Inlines nodes={cell} cite={cite} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {block.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} className="border-b border-line py-2 pr-4 align-top">
                  <Inlines nodes={cell} cite={cite} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Inlines({ nodes, cite }: { nodes: Inline[]; cite?: CitationRender }) {
  return nodes.map((node, index) => <Fragment key={index}>{inlineView(node, cite)}</Fragment>);
}

function inlineView(node: Inline, cite?: CitationRender): ReactNode {
  switch (node.kind) {
    case "text":
      return node.text;
    case "strong":
      return (
        <strong className="font-semibold">
          <Inlines nodes={node.children} cite={cite} />
        </strong>
      );
    case "emphasis":
      return (
        <em>
          <Inlines nodes={node.children} cite={cite} />
        </em>
      );
    case "code":
      return <code className="rounded-sm bg-sunk px-1">{node.text}</code>;
    case "citation":
      return cite ? cite(node.index) : `[${String(node.index)}]`;
    case "link":
      return linkView(node, cite);
  }
}

function linkView(node: Extract<Inline, { kind: "link" }>, cite?: CitationRender): ReactNode {
  const words = <Inlines nodes={node.children} cite={cite} />;
  if (!node.href) return words;
  if (node.href.startsWith("/") || node.href.startsWith("#")) {
    return (
      <Link className="quiet-link" to={node.href}>
        {words}
      </Link>
    );
  }
  return (
    <a className="quiet-link" href={node.href} rel="noopener noreferrer nofollow" target="_blank">
      {words}
    </a>
  );
}
