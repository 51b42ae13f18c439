//! Generated from `wit/`: nothing is written by hand here.

#![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated from wit/")]

wit_bindgen::generate!({
    world: "plugin",
    path: "../../wit",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_plugin",
    default_bindings_module: "::pawl::__private::bindings",
});
