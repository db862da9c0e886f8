//! Every kernel's WGSL: valid without optional features, and within the limits that every WebGPU device has.

use std::collections::HashSet;

use likewise::gpu::kernel::Access;
use likewise::gpu::kernels::all;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, StorageAccess, TypeInner};

fn parse(source: &str) -> naga::Module {
    naga::front::wgsl::parse_str(source).unwrap_or_else(|error| panic!("{}", error.emit_to_string(source)))
}

#[test]
fn names_are_unique() {
    let names: HashSet<_> = all().into_iter().map(|kernel| kernel.name).collect();
    assert_eq!(names.len(), all().len());
}

#[test]
fn every_kernel_is_valid_without_optional_features() {
    for kernel in all() {
        let source = kernel.source();
        let module = parse(&source);
        // naga counts `unpack2x16float`, which every WebGPU device has, as a capability.
        Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16_IN_FLOAT32)
            .validate(&module)
            .unwrap_or_else(|error| panic!("{}: {}", kernel.name, error.emit_to_string(&source)));
    }
}

#[test]
fn every_kernel_stays_within_the_default_limits() {
    for kernel in all() {
        assert!(kernel.bindings.len() <= 8, "{}", kernel.name);
        let module = parse(&kernel.source());
        let [entry] = module.entry_points.as_slice() else { panic!("{}: one entry point", kernel.name) };
        assert_eq!(entry.name, "main");
        assert!(entry.workgroup_size.iter().product::<u32>() <= 256, "{}", kernel.name);
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).unwrap();
        let shared: u32 = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == AddressSpace::WorkGroup)
            .map(|(_, variable)| layouter[variable.ty].size)
            .sum();
        assert!(shared <= 16384, "{}: {shared} bytes shared", kernel.name);
    }
}

#[test]
fn bindings_and_params_match_the_descriptions() {
    for kernel in all() {
        let module = parse(&kernel.source());
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).unwrap();
        let mut seen = HashSet::new();
        for (_, variable) in module.global_variables.iter() {
            let Some(binding) = &variable.binding else { continue };
            assert_eq!(binding.group, 0);
            assert!(seen.insert(binding.binding), "{}: binding {} twice", kernel.name, binding.binding);
            match variable.space {
                AddressSpace::Uniform => {
                    assert_eq!(binding.binding, 0);
                    assert!(matches!(module.types[variable.ty].inner, TypeInner::Struct { .. }));
                    assert_eq!(layouter[variable.ty].size as usize, kernel.params_size, "{}", kernel.name);
                }
                AddressSpace::Storage { access } => {
                    let declared = kernel.bindings[binding.binding as usize - 1];
                    let found = if access.contains(StorageAccess::STORE) { Access::Write } else { Access::Read };
                    assert_eq!(declared, found, "{} binding {}", kernel.name, binding.binding);
                }
                other => panic!("{}: {other:?}", kernel.name),
            }
        }
        assert_eq!(seen.len(), kernel.bindings.len() + 1, "{}", kernel.name);
        assert_eq!(kernel.params_size % 16, 0);
    }
}
